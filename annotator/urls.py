"""Addresses of the shared core."""

from django.urls import path

from annotator.views import accounts, dataset_settings, datasets, health, jobs, members

urlpatterns = [
    # accounts
    path("login/", accounts.login, name="login"),
    path("login/<str:token>/", accounts.login_link, name="login_link"),
    path("logout/", accounts.logout, name="logout"),
    path("password/", accounts.password_change, name="password_change"),
    path("invitations/<str:token>/", accounts.invitation_accept, name="invitation_accept"),
    # data sets
    path("", datasets.dataset_list, name="dataset_list"),
    path("datasets/new/", datasets.dataset_create, name="dataset_create"),
    path("datasets/<int:dataset_id>/", datasets.dataset_detail, name="dataset_detail"),
    path("datasets/<int:dataset_id>/figures/", datasets.dataset_figures, name="dataset_figures"),
    path("datasets/<int:dataset_id>/card/", datasets.dataset_card, name="dataset_card"),
    path("datasets/<int:dataset_id>/settings/", dataset_settings.dataset_settings, name="dataset_settings"),
    path("datasets/<int:dataset_id>/settings/aus/", dataset_settings.dataset_aus, name="dataset_aus"),
    path("datasets/<int:dataset_id>/protocol/", dataset_settings.protocol_change, name="protocol_change"),
    # members
    path("datasets/<int:dataset_id>/members/", members.member_list, name="member_list"),
    path("datasets/<int:dataset_id>/members/<int:member_id>/", members.member_change, name="member_change"),
    path(
        "datasets/<int:dataset_id>/members/<int:member_id>/remove/",
        members.member_remove,
        name="member_remove",
    ),
    path("datasets/<int:dataset_id>/invitations/", members.invitation_create, name="invitation_create"),
    path(
        "datasets/<int:dataset_id>/invitations/<int:invitation_id>/revoke/",
        members.invitation_revoke,
        name="invitation_revoke",
    ),
    path("datasets/<int:dataset_id>/audit/", members.audit_list, name="audit_list"),
    # jobs
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/", jobs.job_detail, name="job_detail"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/progress/", jobs.job_progress, name="job_progress"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("datasets/<int:dataset_id>/jobs/<int:job_id>/resume/", jobs.job_resume, name="job_resume"),
    # for whoever watches the server
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
